/**
 * The composition root. A request goes in; storage, node and keys are opened, the recipe runs, everything is closed, and
 * the report comes out. The command line, the demo and, later, the server ask here and open nothing themselves.
 */
export type { AppContext } from "./context.ts";
export type { ListReport, ShownNode } from "./list.ts";
export type { AppVerb, Reports } from "./reports.ts";
export { run } from "./run.ts";
