/** A demonstration on a real node of its own that proves what it shows, as a command; it stands in run.ts. */
export { demo } from "./command.ts";
