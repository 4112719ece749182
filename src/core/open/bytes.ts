/** Small helpers on byte strings; nothing here is constant-time except `equalBytes`. */

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let out = ''
  for (const byte of bytes) out += HEX[byte]
  return out
}

/** The bytes of a hexadecimal string of even length, or undefined when it is none. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return out
}

/** The bytes as the key of a Map, in the same order; quicker to make than hexadecimal, and nothing to show. */
export function nameOf(bytes: Uint8Array): string {
  let name = ''
  let at = 0
  // Said one by one, as `apply` would first make an array of numbers, four times as long as the name.
  for (; at + 16 <= bytes.length; at += 16)
    name += String.fromCharCode(
      bytes[at]!,
      bytes[at + 1]!,
      bytes[at + 2]!,
      bytes[at + 3]!,
      bytes[at + 4]!,
      bytes[at + 5]!,
      bytes[at + 6]!,
      bytes[at + 7]!,
      bytes[at + 8]!,
      bytes[at + 9]!,
      bytes[at + 10]!,
      bytes[at + 11]!,
      bytes[at + 12]!,
      bytes[at + 13]!,
      bytes[at + 14]!,
      bytes[at + 15]!,
    )
  for (; at < bytes.length; at++) name += String.fromCharCode(bytes[at]!)
  return name
}

/** The bytes that `nameOf` made this of. */
export function bytesOfName(name: string): Uint8Array {
  const out = new Uint8Array(name.length)
  for (let i = 0; i < out.length; i++) out[i] = name.charCodeAt(i)
  return out
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Compares in time that depends on the lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}

/** Lexicographic order of byte strings: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** The text of valid UTF-8, or undefined. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** base64url without padding (RFC 4648 section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    out += ALPHABET[word >> 18]! + ALPHABET[(word >> 12) & 63]!
    if (left > 1) out += ALPHABET[(word >> 6) & 63]!
    if (left > 2) out += ALPHABET[word & 63]!
  }
  return out
}

/** The bytes of canonical base64url without padding, or undefined. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  const out = new Uint8Array(Math.floor((text.length * 3) / 4))
  let at = 0
  let word = 0
  let bits = 0
  for (const letter of text) {
    const value = ALPHABET.indexOf(letter)
    if (value < 0) return undefined
    word = (word << 6) | value
    bits += 6
    if (bits >= 8) {
      bits -= 8
      out[at++] = (word >> bits) & 255
      word &= (1 << bits) - 1
    }
  }
  return at === out.length && word === 0 && bits < 6 ? out : undefined
}
