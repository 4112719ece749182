import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from '../open/bytes.ts'
import { UsageError } from '../open/errors.ts'
import { createPhrase, parsePhrase } from './phrase.ts'

const entropy = fc.uint8Array({ minLength: 32, maxLength: 32 })
const WORD = /\b(abandon|art)\b/

test('a phrase gives its entropy back, whatever the case and spacing', () => {
  fc.assert(
    fc.property(entropy, (bytes) => {
      const phrase = createPhrase(bytes)
      expect(phrase.split(' ')).toHaveLength(24)
      expect(toHex(parsePhrase(phrase))).toBe(toHex(bytes))
      expect(toHex(parsePhrase(`\n  ${phrase.toUpperCase().replaceAll(' ', ' \t\r\n')} `))).toBe(toHex(bytes))
    }),
    { numRuns: 200 },
  )
})

test('an unknown word, a missing one, a wrong checksum are told apart, and no word is quoted', () => {
  const words = createPhrase(new Uint8Array(32)).split(' ')
  const refused = (text: string): UsageError => {
    try {
      parsePhrase(text)
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError)
      expect(String(error)).not.toMatch(WORD)
      expect((error as UsageError).cause).toBeUndefined()
      return error as UsageError
    }
    throw new Error('taken')
  }
  expect(refused(words.with(6, 'abandom').join(' ')).facts).toEqual({ place: 7 })
  expect(refused(words.slice(1).join(' ')).facts).toEqual({ words: 23 })
  expect(refused([...words, 'art'].join(' ')).facts).toEqual({ words: 25 })
  expect(refused(words.with(23, 'abandon').join(' ')).message).toMatch(/checksum/)
  expect(refused('').facts).toEqual({ words: 0 })
})

test('a phrase needs exactly 32 bytes', () => {
  for (const length of [0, 16, 31, 33]) expect(() => createPhrase(randomBytes(length))).toThrow(UsageError)
})

test('fuzz: arbitrary text is a phrase or a usage error', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300, unit: 'binary' }), (text) => {
      try {
        parsePhrase(text)
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError)
      }
    }),
    { numRuns: Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000) },
  )
})
