import { lookup } from 'node:dns/promises'
import { connect, isIP } from 'node:net'
import { formatAddress } from '../../adapters/wire/address.ts'
import { socketReason } from '../../adapters/wire/socket-error.ts'
import type { Finding } from './finding.ts'

/** A line that takes longer to say yes is of no use. */
const CONNECT_MS = 2500

/** Looks the tracker's name up; undefined where it has none. */
export async function checkName(host: string): Promise<Finding | undefined> {
  if (isIP(host) !== 0) return undefined
  try {
    const { address } = await lookup(host)
    return { check: 'name', result: 'ok', found: `the tracker's name ${host} stands for ${address}` }
  } catch (error) {
    return {
      check: 'name',
      result: 'problem',
      found: `the tracker's name ${host}: ${socketReason(error)}`,
      advice:
        'Look whether the name is spelt right, and whether this machine gets to other names, such as in a browser.',
    }
  }
}

/** Whether the tracker's TCP port can be reached; a warning where there is another way. */
export async function checkTcp(host: string, port: number, hasOther: boolean): Promise<Finding> {
  const place = formatAddress(host, port)
  const socket = connect({ host, port, timeout: CONNECT_MS })
  const found = Promise.withResolvers<
    'open' | 'silent' | { readonly why: string; readonly refused: boolean }
  >()
  socket.once('connect', () => found.resolve('open'))
  socket.once('timeout', () => found.resolve('silent'))
  socket.once('error', (error) =>
    found.resolve({
      why: socketReason(error),
      refused: 'code' in error && error.code === 'ECONNREFUSED',
    }),
  )
  const state = await found.promise
  socket.destroy()
  if (state === 'open')
    return { check: 'tcp', result: 'ok', found: `the tracker's TCP port ${place} is open` }
  const result = hasOther ? 'warning' : 'problem'
  if (state === 'silent')
    return {
      check: 'tcp',
      result,
      found: `nothing comes back from the tracker's TCP port ${place}`,
      advice:
        'Its machine is off, or a firewall or router on the way drops this: look whether this machine reaches anything else; then whether the ' +
        `tracker's machine is on; then whether TCP port ${port} is open in its firewall, and forwarded on its router.`,
    }
  return {
    check: 'tcp',
    result,
    found: `the tracker's TCP port ${place} can't be reached: ${state.why}`,
    advice: state.refused
      ? 'Its machine is on, but the tracker doesn’t run there, or has another port now: `allmend tracker start` on it shows which.'
      : 'Look whether this machine reaches anything else.',
  }
}
