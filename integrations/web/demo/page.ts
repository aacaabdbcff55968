/** The demo page: enroll a voice, keep it as a file, and watch the verdict on live speech. */

import {
  type AudioBlock,
  type EnrollmentProgress,
  Microphone,
  SpeakerSdkError,
  type StreamUpdate,
  Verifier,
  Voiceprint,
} from "speakersdk-web";

import { EvidenceChart } from "./chart.js";

const LOWEST_DBFS = -60;
const LOUD_DBFS = -3;

function element<Type extends HTMLElement>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id);
  if (!(found instanceof type)) {
    throw new Error(`expected an element #${id}`);
  }
  return found;
}

const nameField = element("name", HTMLInputElement);
const neededField = element("needed", HTMLSelectElement);
const enrollButton = element("enroll", HTMLButtonElement);
const listenButton = element("listen", HTMLButtonElement);
const downloadButton = element("download", HTMLButtonElement);
const removeButton = element("remove", HTMLButtonElement);
const upload = element("upload", HTMLInputElement);
const hint = element("enroll-hint", HTMLElement);
const progressBar = element("progress", HTMLElement);
const verdictTile = element("verdict", HTMLElement);
const statusLine = element("status", HTMLElement);
const chart = new EvidenceChart(element("chart", HTMLCanvasElement));

let verifier: Verifier | undefined;
let voiceprint: Voiceprint | undefined;
let microphone: Microphone | undefined;
let activity: "idle" | "enrolling" | "listening" = "idle";

async function begin(): Promise<void> {
  const started = performance.now();
  try {
    verifier = await Verifier.load("default.onnx");
  } catch (error) {
    fail(error);
    return;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  statusLine.textContent = `Ready: model ${verifier.manifest.name}, loaded in ${seconds} s.`;
  countRequests();
  show();
}

/** Count the requests of the page from now on. */
function countRequests(): void {
  let count = 0;
  new PerformanceObserver((list) => {
    count += list.getEntries().filter((entry) => !entry.name.startsWith("blob:")).length;
    element("requests", HTMLElement).textContent = String(count);
  }).observe({ type: "resource", buffered: false });
}

/** Enable the controls that can be used now. */
function show(): void {
  const isReady = verifier !== undefined;
  enrollButton.disabled = !isReady || activity === "listening";
  enrollButton.textContent = activity === "enrolling" ? "Stop" : "Enroll";
  listenButton.disabled = !isReady || voiceprint === undefined || activity === "enrolling";
  listenButton.textContent = activity === "listening" ? "Stop" : "Listen";
  upload.disabled = !isReady || activity !== "idle";
  nameField.disabled = neededField.disabled = activity !== "idle";
  element("voiceprint", HTMLElement).hidden = voiceprint === undefined;
  downloadButton.disabled = removeButton.disabled = activity !== "idle";
  if (voiceprint !== undefined) {
    const { name, totalSpeechS, exemplars, createdUtc } = voiceprint;
    element("voiceprint-name", HTMLElement).textContent = name;
    element("voiceprint-about", HTMLElement).textContent =
      `${totalSpeechS.toFixed(1)} s of speech in ${exemplars.length} parts, ` +
      createdUtc.slice(0, 10).replaceAll("-", "\u2011"); // not broken across lines
  }
  if (activity !== "listening") {
    verdict("off", "Not listening", voiceprint === undefined
      ? "Enroll a voice or open a voiceprint first."
      : `Press Listen to look for ${voiceprint.name}.`); // prettier-ignore
  }
}

/** Read blocks until the activity ends or `take` returns false. */
async function readBlocks(
  what: "enrolling" | "listening",
  take: (block: AudioBlock) => Promise<boolean>,
): Promise<void> {
  statusLine.textContent = "";
  delete statusLine.dataset["failed"];
  try {
    microphone = await Microphone.open();
    activity = what;
    show();
    for await (const block of microphone) {
      showLevel(block.samples);
      if (await take(block)) {
        break;
      }
    }
  } catch (error) {
    fail(error);
  } finally {
    await microphone?.close();
    microphone = undefined;
    activity = "idle";
    showLevel(undefined);
    show();
  }
}

async function enroll(): Promise<void> {
  if (verifier === undefined) {
    return;
  }
  try {
    const enrollment = verifier.enrollment({
      name: nameField.value.trim(),
      neededS: Number(neededField.value),
    });
    await readBlocks("enrolling", async (block) => {
      const progress = await enrollment.push(block);
      showProgress(progress);
      if (progress.isComplete) {
        voiceprint = enrollment.voiceprint();
      }
      return progress.isComplete;
    });
  } catch (error) {
    fail(error);
  }
}

async function listen(): Promise<void> {
  if (verifier === undefined || voiceprint === undefined) {
    return;
  }
  const stream = verifier.stream([voiceprint]);
  chart.clear();
  verdict("no_speech", "Nobody speaks", "Say something.");
  await readBlocks("listening", async (block) => {
    for (const update of await stream.push(block)) {
      showUpdate(update);
    }
    return false;
  });
}

function showProgress({ percent, speechS, neededS, problem, isComplete }: EnrollmentProgress): void {
  element("progress-bar", HTMLElement).style.transform = `scaleX(${percent / 100})`;
  progressBar.setAttribute("aria-valuenow", percent.toFixed(0));
  hint.toggleAttribute("data-problem", problem !== null);
  if (problem !== null) {
    hint.textContent = problem[0]!.toUpperCase() + problem.slice(1) + ".";
  } else if (isComplete) {
    hint.textContent = "Done. Keep the file to use this voice again, here or in Python.";
  } else {
    hint.textContent = `${speechS.toFixed(1)} of ${neededS} s of speech.`;
  }
}

function showUpdate(update: StreamUpdate): void {
  chart.add(update);
  const name = update.candidates[0]!.name;
  const speech = `${update.speechS.toFixed(1)} s of speech`;
  const evidence = update.totalLlr === null ? "" : `, evidence ${signed(update.totalLlr)}`;
  const titles = {
    accept: `This is ${name}`,
    reject: `This is not ${name}`,
    inconclusive: "Not sure yet",
    no_speech: "Nobody speaks",
  };
  verdict(
    update.verdict,
    titles[update.verdict],
    update.verdict === "no_speech" ? "Say something." : speech + evidence,
  );
}

function verdict(kind: string, title: string, about: string): void {
  verdictTile.dataset["verdict"] = kind;
  const titleLine = element("verdict-title", HTMLElement);
  if (titleLine.textContent !== title) {
    titleLine.textContent = title; // only changes are read aloud
  }
  element("verdict-about", HTMLElement).textContent = about;
}

function showLevel(samples: Float32Array | undefined): void {
  let dbfs = -Infinity;
  if (samples !== undefined) {
    const squares = samples.reduce((sum, value) => sum + value * value, 0);
    dbfs = 10 * Math.log10(squares / samples.length);
  }
  const held = Math.max(LOWEST_DBFS, dbfs);
  const meter = element("meter", HTMLElement);
  meter.setAttribute("aria-valuenow", held.toFixed(0));
  meter.toggleAttribute("data-loud", dbfs > LOUD_DBFS);
  element("meter-bar", HTMLElement).style.transform = `scaleX(${1 - held / LOWEST_DBFS})`;
  element("level", HTMLElement).textContent =
    samples === undefined ? "off" : `${signed(held, 0)} dBFS`;
}

async function download(): Promise<void> {
  if (voiceprint === undefined) {
    return;
  }
  const bytes = await voiceprint.toBytes();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  link.download = `${voiceprint.name}.voiceprint`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function open(file: File): Promise<void> {
  try {
    const opened = await Voiceprint.fromBytes(await file.arrayBuffer());
    verifier?.stream([opened]).close(); // throws if another model made it
    voiceprint = opened;
    hint.textContent = `Opened ${file.name}.`;
    hint.removeAttribute("data-problem");
    show();
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  statusLine.textContent = message[0]!.toUpperCase() + message.slice(1) + ".";
  statusLine.dataset["failed"] = error instanceof SpeakerSdkError ? error.name : "Error";
}

function signed(value: number, digits = 1): string {
  return (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);
}

enrollButton.addEventListener("click", () =>
  void (activity === "enrolling" ? microphone?.close() : enroll()));
listenButton.addEventListener("click", () =>
  void (activity === "listening" ? microphone?.close() : listen()));
downloadButton.addEventListener("click", () => void download());
removeButton.addEventListener("click", () => {
  voiceprint = undefined;
  show();
});
upload.addEventListener("change", () => {
  const file = upload.files?.[0];
  if (file !== undefined) {
    void open(file);
  }
  upload.value = "";
});
show();
void begin();
