import type { LogVerdict } from '../../../client/log/audit/audit-log.ts'
import { count } from './count.ts'

/** What a verified log is proven by, for people. */
export function verdictLines(verdict: LogVerdict, isChainAsked = false): string[] {
  const { size, kinds, voids, witnesses, anchored, tail, time } = verdict
  const { operators, needed, signed } = witnesses
  const witnessed =
    needed === 0
      ? `unwitnessed: ${count(operators, 'operator')} of the 3 that a quorum needs; the log's own signature stands for it`
      : `cosigned by ${signed} of ${count(operators, 'operator')} (${needed} make a quorum)`
  const source = isChainAsked
    ? 'the chain itself was asked'
    : 'as the log and the tracker say; --chain-url asks the chain'
  const since = tail.since === undefined ? '' : ` since ${new Date(tail.since).toISOString()}`
  return [
    `${count(size, 'entry', 'entries')} verified, ${count(kinds.operation, 'operation')}; the newest of ${new Date(time).toISOString()}`,
    'signatures, rights, order and the map of every entry: checked, signed by the log',
    witnessed,
    anchored === undefined
      ? 'not anchored in any ledger'
      : `anchored: the first ${count(anchored.size, 'entry', 'entries')} in block ${anchored.block} (${source})`,
    ...(anchored === undefined || tail.entries === 0
      ? []
      : [`not anchored yet: ${count(tail.entries, 'entry', 'entries')}${since}`]),
    ...(voids === 0 ? [] : [`${count(voids, 'entry', 'entries')} that the rules refuse, without effect`]),
  ]
}
