/**
 * Members that have gone mad, as the core meets them: messages that pass the schemas and make no
 * sense. They may well stop a cluster that believes its members; they must not end its agents.
 *
 * @module
 */
import { coreSettings } from "../../../src/agent/plan.ts";
import { decodeAnswer, decodeRequest } from "../../../src/coordination/messages.ts";
import type { Event } from "../../../src/core/event.ts";
import { initialState } from "../../../src/core/initial.ts";
import { step } from "../../../src/core/step.ts";
import { config, VALID } from "../../config/support.ts";
import type { Dice } from "../../simulation/dice.ts";
import { ANSWERS, DURABLE, REQUESTS } from "../messages.ts";
import { mutateJson } from "../mutate.ts";
import { expect, type Target } from "../target.ts";

const SETTINGS = coreSettings(config(VALID));
const MESSAGES = 20;

/** The target. */
export const membersTarget: Target = {
  name: "members",
  play(dice) {
    let state = initialState({
      settings: SETTINGS,
      durable: DURABLE,
      nowMs: 0,
      seed: dice.whole(0, 1e9),
    });
    let taken = 0;
    for (let turn = 0; turn < MESSAGES; turn++) {
      const nowMs = state.nowMs + dice.whole(0, 2000);
      const outstanding = Object.keys(state.outstanding).map(Number);
      const event = dice.luck(0.7) ? draw(dice, nowMs, turn, outstanding) : null;
      if (event !== null) taken++;
      const { term } = state.durable;
      state = step(state, event ?? { type: "tick", nowMs }).state;
      expect(state.durable.term >= term, () => `the term went back from ${term}`);
    }
    return taken === 0 ? "refused" : "taken";
  },
};

function draw(
  dice: Dice,
  nowMs: number,
  exchange: number,
  outstanding: readonly number[],
): Event | null {
  const from = dice.pick(["node2", "node3"]);
  const spoil = (text: string) => dice.luck(0.2) ? text : mutateJson(dice, text);
  if (outstanding.length > 0 && dice.luck(0.5)) {
    const decoded = decodeAnswer(spoil(dice.pick(ANSWERS)));
    if (!decoded.ok) return null;
    return {
      type: "answer",
      nowMs,
      request: dice.pick(outstanding),
      from,
      message: decoded.message,
    };
  }
  const decoded = decodeRequest(spoil(dice.pick(REQUESTS)));
  return decoded.ok ? { type: "request", nowMs, exchange, from, message: decoded.message } : null;
}
