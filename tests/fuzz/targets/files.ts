/**
 * What an agent reads from its disk: the state file with the record, the history file, and
 * PostgreSQL's timeline histories. Garbage is refused with a remedy or passed over; what is accepted
 * is the same after it was written again, and the core can start from it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { openHistoryFile } from "../../../src/agent/history_file.ts";
import { decodeState, encodeState } from "../../../src/agent/state_file.ts";
import { coreSettings } from "../../../src/agent/plan.ts";
import { initialState } from "../../../src/core/initial.ts";
import { nextWakeAtMs, step } from "../../../src/core/step.ts";
import { descent, parseHistory } from "../../../src/postgres/history.ts";
import { config, VALID } from "../../config/support.ts";
import { HISTORY } from "../../coordination/support.ts";
import type { Dice } from "../../simulation/dice.ts";
import { DURABLE } from "../messages.ts";
import { mutateBytes, mutateJson, mutateText, noise } from "../mutate.ts";
import { expect, type Target } from "../target.ts";

const WHERE = { path: "/state/state.json", cluster: "metako", node: "node1" };
const SETTINGS = coreSettings(config(VALID));

const VALID_STATE = encodeState({ cluster: WHERE.cluster, node: WHERE.node, durable: DURABLE });

/** The state file, the record in it included. */
export const stateTarget: Target = {
  name: "state",
  play(dice) {
    const text = spoilState(dice);
    const read = decodeState(text, WHERE);
    if (!read.ok) {
      expect(
        /^Cannot (?:read|use) the state file \/state\/state\.json: .*\./s.test(read.because),
        () => `no file and no remedy: ${read.because}`,
      );
      expect(read.because.length < 2000, () => `an error of ${read.because.length} characters`);
      return "refused";
    }
    const { durable } = read;
    const again = decodeState(encodeState({ cluster: "metako", node: "node1", durable }), WHERE);
    expect(again.ok, () => `it does not read what it wrote: ${again.ok || again.because}`);
    let state = initialState({ settings: SETTINGS, durable, nowMs: 0, seed: dice.whole(0, 1e9) });
    for (let turns = 0; turns < 20; turns++) {
      const nowMs = Math.min(nextWakeAtMs(state), state.nowMs + 1000);
      state = step(state, { type: "tick", nowMs }).state;
    }
    expect(state.durable.term >= durable.term, () => "the term went back");
    return "accepted";
  },
};

function spoilState(dice: Dice): string {
  const bytes = new TextEncoder().encode(VALID_STATE);
  switch (dice.whole(0, 4)) {
    case 0:
      return new TextDecoder().decode(noise(dice, dice.whole(0, 500)));
    case 1:
      return VALID_STATE.slice(0, dice.whole(0, VALID_STATE.length - 2));
    case 2:
      return new TextDecoder().decode(mutateBytes(dice, bytes));
    default: {
      // Somebody edited the file, and mended the checksum.
      const body = VALID_STATE.split("\n")[0]!;
      const { durable, ...rest } = JSON.parse(body);
      const edited = dice.luck(0.2) ? mutateText(dice, body) : JSON.stringify({
        ...rest,
        durable: JSON.parse(mutateJson(dice, JSON.stringify(durable))),
      });
      return `${edited}\n${createHash("sha256").update(edited).digest("hex")}\n`;
    }
  }
}

/** The history file, in a folder of its own. */
export function historyTarget(folder: string): Target {
  return {
    name: "history",
    async play(dice) {
      const path = `${folder}/history.jsonl`;
      const valid = HISTORY.map((entry) => `${JSON.stringify(entry)}\n`).join("");
      const bytes = new TextEncoder().encode(valid);
      await Deno.writeFile(
        path,
        dice.pick([mutateBytes, (each: Dice) => noise(each, 300)])(dice, bytes),
      );
      const warnings: string[] = [];
      const log = (_: string, event: string) => void warnings.push(event);
      const file = await openHistoryFile({ stateDir: folder, log });
      const kept = file.entries().length;
      await file.add(HISTORY[0]!);
      const again = await openHistoryFile({ stateDir: folder, log });
      expect(
        JSON.stringify(again.entries()) === JSON.stringify(file.entries()),
        () => `what was added is not read again: ${file.entries().length} entries`,
      );
      expect(warnings.length === 0, () => `it warned: ${warnings}`);
      return kept === 0 ? "nothing readable" : "some readable";
    },
  };
}

/** PostgreSQL's timeline histories. */
export const timelineTarget: Target = {
  name: "timeline",
  play(dice) {
    const valid = "1\t0/3000100\tno recovery target specified\n\n2\t16/B374D848\tx\n";
    const lineage = parseHistory(3, mutateText(dice, valid));
    if (lineage === null) return "refused";
    const upstream = { timeline: 3, ancestors: [{ timeline: 1, switchLsn: 0x3000100n }] };
    const end = { timeline: 3, lsn: 0x16B374D900n };
    return descent(end, lineage, upstream, 0x16B374D900n).verdict;
  },
};
