import { AllmendError } from '../../core/open/errors.ts'
import { parsePeerAddress } from '../../core/open/peers/peer-address.ts'
import { describePool } from '../../core/open/protocol/tracker-methods.ts'
import { call } from '../../ports/rpc.ts'
import type { Connection, Transport } from '../../ports/transport.ts'
import type { Finding, Patient } from './finding.ts'

const DIAL_MS = 4000
/** What heads and locks allow a clock to be off. */
const MAX_CLOCK_SKEW_MS = 5 * 60_000
const MINUTE_MS = 60_000

/** Asks the tracker over this transport whether it is who it should be, and what time it is. */
export async function* askTracker(
  transport: Transport,
  { tracker, now }: Pick<Patient, 'tracker' | 'now'>,
  over: 'tls' | 'udp',
): AsyncGenerator<Finding> {
  const check = over === 'tls' ? 'tls' : 'tracker-udp'
  const way = over.toUpperCase()
  const { tls, udp } = parsePeerAddress(tracker.address)
  let connection: Connection | undefined
  try {
    connection = await transport.dial((over === 'tls' ? tls : udp) ?? '', tracker.peerId, {
      timeoutMs: DIAL_MS,
    })
    const { value } = await call(connection, describePool, {}, undefined, { timeoutMs: DIAL_MS })
    yield { check, result: 'ok', found: `the tracker answers over ${way}, and is who it should be` }
    yield clockFinding(now() - value.time)
  } catch (error) {
    if (!(error instanceof AllmendError)) throw error
    const isOther = error.code === 'untrusted'
    yield {
      check,
      result: isOther ? 'problem' : 'warning',
      found: isOther
        ? `somebody else answers over ${way} where the tracker should be`
        : `the tracker doesn't answer over ${way}: ${error.message}`,
      advice: isOther
        ? 'If the tracker has moved, ask whoever runs it for its address now. If it hasn’t, don’t go on: tell them.'
        : 'Look whether it runs: `allmend tracker start` on its machine.',
    }
  } finally {
    await connection?.close()
  }
}

function clockFinding(offMs: number): Finding {
  const off = Math.abs(offMs)
  const side = offMs > 0 ? 'ahead of' : 'behind'
  const text = off < 2 * MINUTE_MS ? `${Math.round(off / 1000)} s` : `${Math.round(off / MINUTE_MS)} minutes`
  if (off <= MAX_CLOCK_SKEW_MS)
    return {
      check: 'clock',
      result: 'ok',
      found:
        off < 2000
          ? "this machine's clock is right"
          : `this machine's clock is ${text} ${side} the tracker's`,
    }
  return {
    check: 'clock',
    result: 'problem',
    found: `this machine's clock is ${text} ${side} the tracker's`,
    advice:
      'Set the one that is wrong, best by switching on automatic time: nothing is accepted from clocks so far apart.',
  }
}
