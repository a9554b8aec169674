/** What can befall a run of the tool between it and a store: all drawn from a seed, so that it can befall it again. */
import type { ErrorCode } from "../../src/errors.ts";
import type { LinkEvent, LinkWeather } from "./faulty-link.ts";
import { seededRandom } from "./sample-bytes.ts";
import type { SeenRequest, Spoil } from "./spoiling-proxy.ts";

/** What an undisturbed run does, for faults to fall within it. */
export interface Scale {
  readonly requests: number;
  readonly bytes: { readonly up: number; readonly down: number };
}

export interface Trouble {
  readonly kind: TroubleKind;
  readonly weather: LinkWeather;
  /** `number` counts requests from 0. */
  spoil(request: SeenRequest, number: number): Spoil | undefined;
  /** The tool gets the signal so long after that request has come. */
  readonly signal?: { readonly name: NodeJS.Signals; readonly atRequest: number; readonly afterMs: number };
  readonly options: readonly string[];
  /** How the run may fail, if it does; nothing where it must succeed. */
  readonly mayEnd: readonly ErrorCode[];
}

const troubleKinds = [
  "cuts",
  "bursts",
  "outage",
  "stalls",
  "hangs",
  "slowness",
  "truncation",
  "flips",
  "listings",
  "expiry",
  "kill",
  "stop",
  "everything",
] as const;
export type TroubleKind = (typeof troubleKinds)[number];

type Draw = (dice: Dice, scale: Scale) => Partial<Omit<Trouble, "kind">>;

class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A whole number from `low` up to and without `high`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.#random() * (high - low));
  }

  among<const T>(values: readonly [T, ...T[]]): T {
    return values[this.between(0, values.length)] ?? values[0];
  }

  several<T>(low: number, high: number, make: () => T): T[] {
    return Array.from({ length: this.between(low, high) }, make);
  }
}

/** Every call fails for good when it has failed so often. */
const brief = ["--retry-interval", "20ms", "--retry-strategy", "linear", "--retry-max-attempts", "3"] as const;
const network = ["unreachable", "storage"] as const;

const isPut = ({ method, url }: SeenRequest) => method === "PUT" && url.includes("/data/");
const isObjectGet = ({ method, url }: SeenRequest) => method === "GET" && url.includes("/data/") && !isListing(url);
const isListing = (url: string) => url.includes("list-type=2");

const body = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>Said so.</Message></Error>`;
const answer = (status: number, code: string): Spoil => ({
  kind: "answer",
  status,
  body: body(code),
  headers: { "content-type": "application/xml" },
});

const refusals = [
  answer(500, "InternalError"),
  answer(503, "SlowDown"),
  answer(429, "TooManyRequests"),
  answer(503, "ServiceUnavailable"),
  answer(502, ""),
] as const;

function anywhere(dice: Dice, { bytes }: Scale, fault: () => LinkEvent["fault"]): LinkEvent {
  const direction = dice.among(["up", "down"]);
  return { direction, at: dice.between(0, bytes[direction]), fault: fault() };
}

/** From one request on, so many of them. */
function burst(dice: Dice, { requests }: Scale, length: number): (number: number) => boolean {
  const first = dice.between(0, requests);
  return (number) => number >= first && number < first + length;
}

/** Those of the requests that fit, by their own count. */
function someOf(fits: (request: SeenRequest) => boolean, struck: ReadonlySet<number>) {
  let count = 0;
  return (request: SeenRequest) => {
    if (!fits(request)) return false;
    count += 1;
    return struck.has(count - 1);
  };
}

const draws: Readonly<Record<TroubleKind, Draw>> = {
  /** Connections are cut at any byte of what goes up or comes down, in the middle of a header or of a body. */
  cuts: (dice, scale) => {
    const fault = () => ({ kind: dice.among(["reset", "end"]) }) as const;
    return { weather: { events: dice.several(1, 20, () => anywhere(dice, scale, fault)) }, mayEnd: network };
  },
  /** A server that has too much to do, for a while or for good. */
  bursts: (dice, scale) => {
    const struck = burst(dice, scale, dice.among([5, 20, 50, Number.POSITIVE_INFINITY]));
    const refusal = dice.among(refusals);
    return { spoil: (_, number) => (struck(number) ? refusal : undefined), mayEnd: ["throttled", "storage"] };
  },
  /** Nobody is there any more. */
  outage: (dice, scale) => {
    const struck = burst(dice, scale, dice.among([10, Number.POSITIVE_INFINITY]));
    const kind = dice.among(["reset", "lose-answer"]);
    return { spoil: (_, number) => (struck(number) ? { kind } : undefined), mayEnd: network };
  },
  /** Sockets on which nothing moves for less than the patience of the tool. */
  stalls: (dice, scale) => {
    const fault = () => ({ kind: "stall", ms: dice.between(50, 900) }) as const;
    return { weather: { events: dice.several(1, 5, () => anywhere(dice, scale, fault)) } };
  },
  /** Sockets on which nothing moves for longer than the operator has given the run. */
  hangs: (dice, scale) => ({
    weather: { events: dice.several(1, 3, () => anywhere(dice, scale, () => ({ kind: "hang" }))) },
    options: ["--timeout", "3s"],
    mayEnd: ["timeout"],
  }),
  slowness: (dice, { bytes }) => {
    // For one to three seconds.
    const bytesPerSecond = Math.max(bytes.up, bytes.down) / (dice.between(10, 30) / 10);
    return { weather: { bytesPerSecond } };
  },
  /** Answers whose body ends too soon, and answers that never come. */
  truncation: (dice, { requests }) => {
    const struck = new Set(dice.several(1, 20, () => dice.between(0, requests)));
    const after = dice.between(0, 3000);
    const spoil = ({ method }: SeenRequest, number: number) => {
      if (!struck.has(number)) return undefined;
      return { kind: method === "GET" ? "cut" : "lose-answer", after } as const;
    };
    return { spoil, mayEnd: network };
  },
  /** Bits that are others on arrival: in what is sent the store refuses them, in what is fetched the hashes do. */
  flips: (dice, { requests }) => {
    const struck = new Set(dice.several(1, 8, () => dice.between(0, requests)));
    const [put, get] = [someOf(isPut, struck), someOf(isObjectGet, struck)];
    const part = dice.between(0, 1000) / 1000;
    const spoil = (request: SeenRequest) => {
      const length = Number(request.headers["content-length"] ?? 0);
      if (put(request)) return { kind: "flip", at: Math.floor(part * length) } as const;
      return get(request) ? ({ kind: "flip-answer", at: Math.floor(part * 500) } as const) : undefined;
    };
    return { spoil, mayEnd: ["corrupt", "storage"] };
  },
  /** The listing is lost at a page of it. */
  listings: (dice) => {
    const struck = new Set([dice.between(0, 4), ...dice.several(0, 6, () => dice.between(0, 6))]);
    const lost = someOf(({ url }) => isListing(url), struck);
    const how = dice.among([answer(500, "InternalError"), { kind: "cut", after: dice.between(0, 100_000) }]);
    return { spoil: (request) => (lost(request) ? how : undefined), mayEnd: network };
  },
  /** Credentials that are over from one moment on. */
  expiry: (dice, scale) => {
    const struck = burst(dice, scale, Number.POSITIVE_INFINITY);
    const expired = answer(403, "ExpiredToken");
    return { spoil: (_, number) => (struck(number) ? expired : undefined), mayEnd: ["unauthorized"] };
  },
  /** Again and again, so that each run has less to do. */
  kill: (dice, { requests }) => ({
    signal: { name: "SIGKILL", atRequest: dice.between(0, Math.ceil(requests * 0.6)), afterMs: dice.between(0, 20) },
  }),
  stop: (dice, { requests }) => ({
    signal: {
      name: dice.among(["SIGTERM", "SIGINT"]),
      atRequest: dice.between(0, requests),
      afterMs: dice.between(0, 20),
    },
  }),
  everything: (dice, scale) => {
    const { weather } = draws.cuts(dice, scale);
    const { spoil: spoilBurst } = draws.bursts(dice, scale);
    const { spoil: spoilAnswers } = draws.truncation(dice, scale);
    return {
      weather: { ...draws.slowness(dice, scale).weather, events: weather?.events ?? [] },
      spoil: (request, number) => spoilBurst?.(request, number) ?? spoilAnswers?.(request, number),
      mayEnd: [...network, "throttled"],
    };
  },
};

/** Seeds that follow each other go through all kinds. */
export function kindOf(seed: number): TroubleKind {
  return troubleKinds[seed % troubleKinds.length] ?? "everything";
}

/** The `turn`-th trouble of a round. */
export function drawTrouble(seed: number, turn: number, scale: Scale): Trouble {
  const kind = kindOf(seed);
  const drawn = draws[kind](new Dice(seed * 100 + turn), scale);
  const calm = { weather: {}, spoil: () => undefined, options: [], mayEnd: [] };
  return { kind, ...calm, ...drawn, options: [...brief, ...(drawn.options ?? [])] };
}
