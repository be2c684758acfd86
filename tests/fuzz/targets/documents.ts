/**
 * What other nodes say to the command line, be they broken or forged: documents and steps with
 * anything in them. They are refused or shown, and what is shown cannot steer the terminal.
 *
 * @module
 */
import { historySchema } from "../../../src/coordination/history.ts";
import { decodeDocument } from "../../../src/coordination/read_client.ts";
import { nodeStatusSchema } from "../../../src/coordination/status.ts";
import { renderLogLine } from "../../../src/cli/logs.ts";
import { renderHistory } from "../../../src/cli/history.ts";
import { mergeHistories } from "../../../src/coordination/merge_history.ts";
import { mergeStatuses } from "../../../src/coordination/merge.ts";
import { renderCluster } from "../../../src/cli/table.ts";
import { HISTORY, STATUS } from "../../coordination/support.ts";
import type { Dice } from "../../simulation/dice.ts";
import { mutateJson, mutateText } from "../mutate.ts";
import { expect, type Target } from "../target.ts";

const STATUS_TEXT = JSON.stringify(STATUS);
const HISTORY_TEXT = JSON.stringify({ node: "node1", entries: HISTORY });
const LOG_LINE = JSON.stringify({
  time: "2026-01-01T10:00:00.123Z",
  level: "INFO",
  event: "vote",
  node: "node1",
  outcome: "granted",
  because: "handover",
  peer: "node2",
  term: 4,
});

/** The target. */
export const documentsTarget: Target = {
  name: "documents",
  play: (dice) => dice.pick([status, history, logLine])(dice),
};

function status(dice: Dice): string {
  const answers = ["node1", "node2", "node3"].map((node) => {
    const spoil = dice.luck(0.8) ? mutateJson : mutateText;
    const decoded = decodeDocument(nodeStatusSchema, spoil(dice, STATUS_TEXT));
    return decoded.ok
      ? { node, ok: true as const, status: decoded.message, verified: dice.luck(0.5) }
      : { node, ok: false as const, because: decoded.because };
  });
  shown(renderCluster(mergeStatuses(answers), { colour: false, ruled: dice.luck(0.5) }));
  return answers.some(({ ok }) => ok) ? "shown" : "refused";
}

function history(dice: Dice): string {
  const decoded = decodeDocument(historySchema, mutateJson(dice, HISTORY_TEXT));
  if (!decoded.ok) {
    shown(decoded.because);
    return "refused";
  }
  const { entries } = decoded.message;
  shown(renderHistory(mergeHistories([...entries, ...HISTORY]), { colour: false }));
  return "shown";
}

function logLine(dice: Dice): string {
  const line = dice.pick([mutateJson, mutateText])(dice, LOG_LINE);
  const rendered = renderLogLine(line, "debug", { colour: false });
  shown(rendered ?? "");
  return rendered === null ? "refused" : "shown";
}

function shown(text: string): void {
  const control = /(?!\n)\p{Cc}/u.exec(text);
  expect(control === null, () => {
    const code = control![0].charCodeAt(0).toString(16);
    return `the terminal gets the control character U+00${code.padStart(2, "0")}`;
  });
}
