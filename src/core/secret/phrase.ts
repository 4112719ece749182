/** The recovery phrase: 24 BIP-39 English words that hold 256 bits of entropy and an 8-bit checksum. */
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { UsageError } from '../open/errors.ts'

export const ENTROPY_BYTES = 32
const PHRASE_WORDS = 24

const words = new Set(wordlist)

/** The 24 words, lower case, with single spaces, of 32 bytes of entropy. */
export function createPhrase(entropy: Uint8Array): string {
  if (entropy.length !== ENTROPY_BYTES)
    throw new UsageError('a phrase is made from 32 bytes', { length: entropy.length })
  return entropyToMnemonic(Uint8Array.from(entropy), wordlist)
}

/**
 * The 32 bytes of entropy of a phrase in any case and spacing. Throws UsageError that says where it is wrong (the place, never
 * the word: errors carry no secrets).
 */
export function parsePhrase(text: string): Uint8Array {
  const typed = text
    .normalize('NFKD')
    .toLowerCase()
    .split(/\s+/u)
    .filter((word) => word !== '')
  const unknown = typed.findIndex((word) => !words.has(word))
  if (unknown >= 0)
    throw new UsageError(`word ${unknown + 1} is not in the list of recovery words`, { place: unknown + 1 })
  if (typed.length !== PHRASE_WORDS)
    throw new UsageError(`a recovery phrase has ${PHRASE_WORDS} words, these are ${typed.length}`, {
      words: typed.length,
    })
  try {
    return mnemonicToEntropy(typed.join(' '), wordlist)
  } catch {
    // The library's error would quote the phrase.
    throw new UsageError("the checksum is wrong: all words exist, but one isn't yours or two are exchanged")
  }
}
