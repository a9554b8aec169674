/** One operation of a kind at a time on a machine. */
export { holdExclusively } from "./hold.ts";
