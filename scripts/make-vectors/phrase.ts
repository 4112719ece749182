import { entropyToMnemonic } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { H, bytes, deriveKeyPair, ed25519Public, hex, hkdf, utf8 } from './reference.ts'

const SALT = utf8('allmend/1/phrase')

export function memberKeys(entropy: Uint8Array) {
  const key = (label: string) => hkdf(entropy, SALT, utf8(label), 32)
  const signSeed = key('member/sign')
  const signPublic = ed25519Public(signSeed)
  const enc = (generation: number) => deriveKeyPair(key(`member/enc/${generation}`))
  return { key, signSeed, signPublic, memberId: H('member', signPublic), enc }
}

function phraseCase(entropy: Uint8Array) {
  const { key, signSeed, signPublic, memberId, enc } = memberKeys(entropy)
  return {
    entropy: hex(entropy),
    phrase: entropyToMnemonic(entropy, wordlist),
    signSeed: hex(signSeed),
    signPublic: hex(signPublic),
    memberId: hex(memberId),
    vault: hex(key('member/vault')),
    evm: hex(key('member/evm')),
    enc: [1, 2].map((generation) => {
      const { secretKey, publicKey } = enc(generation)
      return { generation, secretKey: hex(secretKey), publicKey: hex(publicKey) }
    }),
    dedup: [1, 2].map((generation) => ({ generation, secret: hex(key(`member/dedup/${generation}`)) })),
  }
}

export function phraseVectors() {
  const words = entropyToMnemonic(bytes('phrase'), wordlist).split(' ')
  const say = (list: readonly string[]) => list.join(' ')
  return {
    description: 'Recovery phrases and the keys that follow from them, docs/spec/phrase.md.',
    cases: [new Uint8Array(32), new Uint8Array(32).fill(255), bytes('phrase')].map(phraseCase),
    refused: [
      { what: 'a word that is not in the list', phrase: say(words.with(4, 'allmend')) },
      { what: '23 words', phrase: say(words.slice(1)) },
      { what: '25 words', phrase: say([...words, 'zoo']) },
      { what: 'two words exchanged', phrase: say(words.with(0, words[1]!).with(1, words[0]!)) },
      { what: '12 words, which BIP-39 knows too', phrase: entropyToMnemonic(bytes('short', 16), wordlist) },
    ],
  }
}
