/**
 * From a score to a log-likelihood ratio, and from a requested error rate to a threshold.
 *
 *     l   = ln s
 *     llr = offset + speech_weight l + speech_weight_curve l^2
 *         + (scale + speech_scale l + speech_scale_curve l^2) score
 *
 * s is the harmonic mean of both sides' net speech in seconds. docs/calibration.md has the figures.
 */

import { ConfigError } from "../errors.js";
import { Cohort, type Nearness, TYPICAL } from "./cohort.js";

const MAXIMUM_WEIGHT = 1e6;
const MAXIMUM_SPEECH_S = 86_400;

/** A threshold that depends on the speech, and its error rates on the calibration trials. */
export class OperatingPoint {
  constructor(private readonly values: Readonly<Record<string, number>>) {}

  /** At most this share of the nontarget trials is accepted. */
  get far(): number {
    return this.value("far");
  }

  /** Accepted share of strangers of corpora outside the fit; contains nine of ten corpora. */
  get elsewhere(): readonly [number, number] {
    return [this.value("elsewhere_low", 0), this.value("elsewhere_high", 1)];
  }

  get frrSlope(): number {
    return this.value("frr_slope");
  }

  get frrLogit(): number {
    return this.value("frr_logit");
  }

  /** Accept when the LLR is at least this. */
  threshold(speechS: number, nearness: Nearness = TYPICAL): number {
    const log = Math.log(Math.min(speechS, this.value("longest_s", MAXIMUM_SPEECH_S)));
    const excess = Math.max(nearness.excess, this.leastExcess);
    const distance = Math.min(nearness.distance, this.mostDistance);
    return (
      this.value("llr") +
      (this.value("llr_slope") + this.value("llr_curve", 0) * log) * log +
      this.value("llr_nearness", 0) * excess +
      this.value("llr_gap", 0) * distance +
      this.value("llr_telephone", 0) * nearness.telephone
    );
  }

  /** Reason for a stricter threshold of a pair, for people; null for none. */
  caution(nearness: Nearness): string | null {
    if (nearness.excess < this.leastExcess) {
      return "recordings unlike any that were measured";
    }
    if (nearness.distance > this.mostDistance) {
      return "sides recorded in ways further apart than any that were measured";
    }
    return this.value("llr_telephone", 0) * nearness.telephone > 0 ? "telephone-like speech on both sides" : null;
  }

  private get leastExcess(): number {
    return this.value("least_excess", -MAXIMUM_WEIGHT);
  }

  private get mostDistance(): number {
    return this.value("most_distance", MAXIMUM_WEIGHT);
  }

  /** Expected false-reject rate with this much comparable speech. */
  frrAt(speechS: number): number {
    return (1 + Math.tanh((this.frrLogit + this.frrSlope * Math.log(speechS)) / 2)) / 2;
  }

  /** A field by its name in the manifest. */
  value(name: string, otherwise?: number): number {
    const value = this.values[name] ?? otherwise;
    if (typeof value !== "number" || !(Math.abs(value) <= MAXIMUM_WEIGHT)) {
      throw new ConfigError(`expected ${name} of an operating point to be a number, got ${value}`);
    }
    return value;
  }

  /** The names of the fields that are stored. */
  get names(): readonly string[] {
    return Object.keys(this.values);
  }
}

interface Weights {
  readonly offset: number;
  readonly scale: number;
  readonly speechScale: number;
  readonly speechWeight: number;
  readonly speechScaleCurve: number;
  readonly speechWeightCurve: number;
}

/** Logistic calibration and its operating points, ordered by falling rate. */
export class Calibration {
  private constructor(
    private readonly weights: Weights,
    /** Net speech of a side below which no decision is supported. */
    readonly minimumSpeechS: number,
    /** Longest net speech of a side in the fit; longer speech counts as this much. */
    readonly maximumSpeechS: number,
    readonly numNontarget: number,
    readonly operatingPoints: readonly OperatingPoint[],
    readonly cohort: Cohort | null,
    /** The corpora and conditions of the fit, for people. */
    readonly measuredOn: readonly string[],
  ) {}

  /** Read the manifest's JSON; throws ConfigError if a value is missing or out of range. */
  static fromJson(json: unknown, embeddingDim: number): Calibration {
    const values = objectOf("calibration", json);
    const number = (name: string, otherwise?: number): number => {
      const value = values[name] ?? otherwise;
      if (typeof value !== "number" || !(Math.abs(value) <= 1e12)) {
        throw new ConfigError(`expected ${name} of the calibration to be a number, got ${value}`);
      }
      return value;
    };
    const minimumSpeechS = number("minimum_speech_s", 0.8);
    const maximumSpeechS = number("maximum_speech_s");
    if (!(minimumSpeechS > 0 && minimumSpeechS <= maximumSpeechS && maximumSpeechS <= MAXIMUM_SPEECH_S)) {
      throw new ConfigError(
        "expected minimum_speech_s above 0 and at most maximum_speech_s, got " +
          `${minimumSpeechS} and ${maximumSpeechS}`,
      );
    }
    const points = listOf("operating_points", values["operating_points"]).map((point) => {
      const read = new OperatingPoint(objectOf("operating point", point) as Record<string, number>);
      read.names.forEach((name) => read.value(name));
      read.threshold(1);
      read.frrAt(1);
      return read;
    });
    if (points.some((point, index) => index > 0 && point.far >= points[index - 1]!.far)) {
      throw new ConfigError("expected operating points by falling rate");
    }
    const cohort = values["cohort"] == null ? null : Cohort.fromJson(values["cohort"], embeddingDim);
    return new Calibration(
      {
        offset: number("offset"),
        scale: number("scale"),
        speechScale: number("speech_scale"),
        speechWeight: number("speech_weight"),
        speechScaleCurve: number("speech_scale_curve", 0),
        speechWeightCurve: number("speech_weight_curve", 0),
      },
      minimumSpeechS,
      maximumSpeechS,
      number("num_nontarget"),
      points,
      cohort,
      listOf("measured_on", values["measured_on"] ?? []).map(String),
    );
  }

  /** s of the formulas: harmonic mean of both sides' speech, each limited to that of the fit. */
  comparableSpeechS(aS: number, bS: number): number {
    const held = (side: number): number =>
      Math.min(Math.max(side, this.minimumSpeechS), this.maximumSpeechS);
    return 2 / (1 / held(aS) + 1 / held(bS));
  }

  /** Log-likelihood ratio (natural log) of same speaker versus different speakers. */
  llr(score: number, enrolledSpeechS: number, probeSpeechS: number): number {
    const log = Math.log(this.comparableSpeechS(enrolledSpeechS, probeSpeechS));
    const { offset, scale, speechScale, speechWeight } = this.weights;
    const weight = scale + (speechScale + this.weights.speechScaleCurve * log) * log;
    return weight * score + offset + (speechWeight + this.weights.speechWeightCurve * log) * log;
  }

  /** The nearness of one embedding to the cohort; empty without a cohort. */
  nearness(embedding: Float32Array): Float64Array {
    return this.cohort === null ? new Float64Array(0) : this.cohort.nearness(embedding);
  }

  /**
   * The thresholds for a requested false-accept rate, log-linear between stored points.
   *
   * Throws ConfigError if the calibration trials cannot support it.
   */
  operatingPoint(far: number): OperatingPoint {
    const points = this.operatingPoints;
    const loosest = points[0];
    const strictest = points.at(-1);
    if (loosest === undefined || strictest === undefined) {
      throw new ConfigError(
        `the model's ${this.numNontarget} nontarget calibration trials support no false-accept ` +
          "rate; calibrate on more trials",
      );
    }
    if (!(far >= strictest.far && far <= loosest.far)) {
      throw new ConfigError(
        `expected a false-accept rate between ${strictest.far} and ${loosest.far} (what the ` +
          `model's ${this.numNontarget} nontarget calibration trials support), got ${far}`,
      );
    }
    const above = points.findLastIndex((point) => point.far >= far);
    const high = points[above]!;
    const low = points[above + 1] ?? high;
    const share =
      low === high ? 0 : (Math.log(high.far) - Math.log(far)) / (Math.log(high.far) - Math.log(low.far));
    const between = Object.fromEntries(
      high.names.map((name) => {
        const from = high.value(name);
        return [name, from + share * (low.value(name) - from)];
      }),
    );
    return new OperatingPoint({ ...between, far });
  }
}

function objectOf(noun: string, value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ConfigError(`expected the ${noun} as an object, got ${JSON.stringify(value)}`);
  }
  return value as Record<string, unknown>;
}

function listOf(noun: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) {
    throw new ConfigError(`expected ${noun} to be a list, got ${JSON.stringify(value)}`);
  }
  return value;
}
