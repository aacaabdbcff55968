/** Calls that run one after the other, awaited or not, until the object is closed. */

import { ClosedError } from "../errors.js";

export class CallQueue {
  private last: Promise<unknown> = Promise.resolve();
  private end: string | undefined;

  /** @param noun name of the object in messages. */
  constructor(private readonly noun: string) {}

  /** Throws ClosedError after the end. */
  check(): void {
    if (this.end !== undefined) {
      throw new ClosedError(`the ${this.noun} is ${this.end}; start another`);
    }
  }

  /** Run a call after those before it. */
  run<Result>(call: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(() => {
      this.check();
      return call();
    });
    this.last = result.catch(() => undefined);
    return result;
  }

  /** Refuse further calls. */
  close(how: "finished" | "closed"): void {
    this.end ??= how;
  }
}
