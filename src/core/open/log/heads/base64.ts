const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, value]))

/** Base64 with padding (RFC 4648 section 4). */
export function toBase64(bytes: Uint8Array): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    out += ALPHABET[word >> 18]! + ALPHABET[(word >> 12) & 63]!
    out += left > 1 ? ALPHABET[(word >> 6) & 63]! : '='
    out += left > 2 ? ALPHABET[word & 63]! : '='
  }
  return out
}

/** The bytes of canonical base64 with padding, or undefined. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  let length = text.length
  while (length > 0 && text.length - length < 2 && text[length - 1] === '=') length--
  const out = new Uint8Array(Math.floor((length * 3) / 4))
  let at = 0
  let word = 0
  let bits = 0
  for (let i = 0; i < length; i++) {
    const value = VALUES.get(text[i]!)
    if (value === undefined) return undefined
    word = (word << 6) | value
    bits += 6
    if (bits >= 8) {
      bits -= 8
      out[at++] = (word >> bits) & 255
      word &= (1 << bits) - 1
    }
  }
  return word === 0 && bits < 6 ? out : undefined
}
