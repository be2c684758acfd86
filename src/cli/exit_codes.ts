/**
 * What each exit code means. Scripts and supervisors act on these numbers, so one is never given a
 * second meaning.
 *
 * 70 and 78 are `EX_SOFTWARE` and `EX_CONFIG` of BSD's sysexits, which systemd's
 * `RestartPreventExitStatus=` lines commonly name.
 *
 * @module
 */

/** The codes, by what happened. */
export const EXIT = {
  /** It worked; for `status`: there is a primary that a majority stands behind. */
  ok: 0,
  /** What was asked for was tried and did not come to be. */
  failed: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** Nothing was tried, because it would not have been safe. */
  refused: 3,
  /** No node of the cluster answered. */
  unreachable: 4,
  /** Nodes answered, and none of them knows a primary that a majority stands behind. */
  noMajority: 5,
  /** Nothing was tried: commits may be lost, and that was not accepted. */
  unaccepted: 6,
  /** A fault in metako itself. */
  internal: 70,
  /** The configuration cannot be used. */
  configuration: 78,
} as const;

/** One of the numbers of {@linkcode EXIT}. */
export type ExitCode = typeof EXIT[keyof typeof EXIT];

/** The paragraph that `--help` ends with. */
export const EXIT_CODE_HELP = `
Exit codes:
   0  it worked (status: there is a primary with a majority behind it)
   1  it was tried and failed
   2  the command line makes no sense
   3  refused: it would not have been safe, and nothing was changed
   4  no node answered
   5  nodes answered, but there is no primary with a majority behind it
   6  failover --force only: it may lose commits and was not accepted; nothing was changed
  70  a fault in metako itself
  78  the configuration cannot be used`;
