/** The evidence of the last 30 seconds: a line around zero, colored by the verdict. */

import type { StreamUpdate, Verdict } from "speakersdk-web";

const SHOWN_S = 30;
/** Evidence beyond this is drawn at the edge. */
const MOST_LLR = 20;

interface Point {
  readonly timeS: number;
  readonly llr: number | null;
  readonly verdict: Verdict;
}

export class EvidenceChart {
  private points: Point[] = [];

  constructor(private readonly canvas: HTMLCanvasElement) {
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  clear(): void {
    this.points = [];
    this.draw();
  }

  add(update: StreamUpdate): void {
    const llr = update.ageS === 0 ? update.totalLlr : null;
    this.points.push({ timeS: update.timeS, llr, verdict: update.verdict });
    this.points = this.points.filter((point) => point.timeS > update.timeS - SHOWN_S);
    this.draw();
  }

  private draw(): void {
    const { canvas, points } = this;
    const scale = devicePixelRatio;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    if (context === null) {
      return;
    }
    const style = getComputedStyle(canvas);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    context.scale(scale, scale);
    context.strokeStyle = colour("--line");
    context.beginPath();
    context.moveTo(0, height / 2);
    context.lineTo(width, height / 2);
    context.stroke();
    const endS = Math.max(SHOWN_S, points.at(-1)?.timeS ?? 0);
    const colours: Record<Verdict, string> = {
      accept: colour("--accept"),
      reject: colour("--reject"),
      inconclusive: colour("--open"),
      no_speech: colour("--soft"),
    };
    const hopWidth = (width / SHOWN_S) * 0.1;
    for (const { timeS, llr, verdict } of points) {
      if (llr === null) {
        continue;
      }
      const held = Math.max(-MOST_LLR, Math.min(MOST_LLR, llr));
      const x = width * (1 - (endS - timeS) / SHOWN_S) - hopWidth;
      const y = (-held / MOST_LLR) * (height / 2 - 4);
      context.fillStyle = colours[verdict];
      context.fillRect(x, height / 2, hopWidth + 0.5, y || 1); // no seams
    }
  }
}
