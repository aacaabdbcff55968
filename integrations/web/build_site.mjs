// Put the model into the package, and the demo page with its dependencies into build/site.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const inside = (...parts) => path.join(here, ...parts);
const model = inside("..", "..", "sdk", "speakersdk", "models", "default.onnx");
const runtime = inside("node_modules", "onnxruntime-web", "dist");

cpSync(model, inside("dist", "default.onnx"));
cpSync(inside("..", "..", "LICENSE"), inside("dist", "LICENSE"));
mkdirSync(inside("build", "site", "vendor"), { recursive: true });
cpSync(model, inside("build", "site", "default.onnx"));
cpSync(inside("demo", "style.css"), inside("build", "site", "style.css"));
cpSync(inside("dist"), inside("build", "site", "speakersdk"), {
  recursive: true,
  filter: (source) => path.extname(source) === "" || /(?<!\.d)\.js$/.test(source),
});
for (const name of ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"]) {
  cpSync(path.join(runtime, name), inside("build", "site", "vendor", name));
}

// The browser finds the packages by this map, which the page's policy allows by its hash.
const map = JSON.stringify({
  imports: {
    "speakersdk-web": "./speakersdk/index.js",
    "onnxruntime-web/wasm": "./vendor/ort.wasm.bundle.min.mjs",
  },
});
const hash = createHash("sha256").update(map).digest("base64");
const page = readFileSync(inside("demo", "index.html"), "utf8")
  .replace("sha256-IMPORT-MAP", `sha256-${hash}`)
  .replace("IMPORT-MAP", map);
writeFileSync(inside("build", "site", "index.html"), page);
