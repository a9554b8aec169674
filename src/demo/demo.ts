/** A demonstration on a real node of its own that proves what it shows; it stands in run.ts. */
export { type DemoDependencies, type DemoReport, type DemoStep, type KeptDemo, runDemo } from "./run.ts";
