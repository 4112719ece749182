import { randomFillSync, randomInt } from 'node:crypto'

const PIECE_BYTES = 4 * 1024 * 1024
const WORDS = [
  'error',
  'request',
  'accepted',
  'timeout',
  'provider',
  'shard',
  'stripe',
  'tracker',
  'status',
  'duration',
  'retry',
  'peer',
  'connection',
  'closed',
  'opened',
  'bytes',
  'index',
  'message',
] // oxfmt keeps this readable

/** Random bytes and log lines, 4 MiB of each in turn: what compresses and what doesn't, half and half. */
export function mixedInput(bytes: number): Uint8Array {
  const input = new Uint8Array(bytes)
  const text = logLines(PIECE_BYTES)
  for (let at = 0; at < bytes; at += 2 * PIECE_BYTES) {
    randomFillSync(input, at, Math.min(PIECE_BYTES, bytes - at))
    const textAt = at + PIECE_BYTES
    if (textAt < bytes) input.set(text.subarray(0, bytes - textAt), textAt)
  }
  return input
}

function logLines(bytes: number): Uint8Array {
  let text = ''
  for (let time = 1_700_000_000_000; text.length < bytes; time += randomInt(1000)) {
    const words = Array.from({ length: 6 }, () => WORDS[randomInt(WORDS.length)])
    text += `{"time":${time},"level":${randomInt(6) * 10},"id":"${randomInt(2 ** 32).toString(16)}","msg":"${words.join(' ')}"}\n`
  }
  return new TextEncoder().encode(text.slice(0, bytes))
}
