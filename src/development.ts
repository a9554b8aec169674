/** What `./esop` runs from a checkout: all that is installed, and the demo. */
import { runProcess } from "./main.ts";

runProcess(async () => {
  const [{ commands }, { demo }] = await Promise.all([import("./cli/cli.ts"), import("./demo/demo.ts")]);
  return { ...commands, demo };
});
