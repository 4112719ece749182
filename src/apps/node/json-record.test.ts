import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FolderError } from '../../core/open/errors.ts'
import { JsonRecord } from './json-record.ts'

const FILE = 'some.json'
const parse = (value: unknown) => JsonRecord.parse(JSON.stringify(value), FILE)

test('fields are read as they were written', () => {
  const record = parse({ name: 'a', seq: 3, key: '00ff', inner: { mode: 'b' }, list: ['x'], keys: ['01'] })
  expect(record.text('name')).toBe('a')
  expect(record.count('seq')).toBe(3)
  expect(record.bytes('key', 2)).toEqual(Uint8Array.of(0, 255))
  expect(record.object('inner').oneOf('mode', ['a', 'b'])).toBe('b')
  expect(record.texts('list')).toEqual(['x'])
  expect(record.byteStrings('keys')).toEqual([Uint8Array.of(1)])
  expect([record.has('name'), record.has('toString')]).toEqual([true, false])
})

test('what isn’t as written names file and field', () => {
  const record = parse({ name: 1, seq: -1, key: '0', inner: { mode: 'c' }, list: [1], keys: ['g'] })
  for (const [read, field] of [
    [() => record.text('name'), 'name'],
    [() => record.count('seq'), 'seq'],
    [() => record.bytes('key'), 'key'],
    [() => record.bytes('absent'), 'absent'],
    [() => record.object('inner').oneOf('mode', ['a', 'b']), 'inner.mode'],
    [() => record.object('name'), 'name'],
    [() => record.texts('list'), 'list'],
    [() => record.byteStrings('keys'), 'keys'],
    [() => record.bytes('constructor'), 'constructor'],
  ] as const) {
    expect(read).toThrow(FolderError)
    expect(read).toThrow(`${FILE} is damaged: ${field} `)
  }
})

test('fuzz: any text is a record or a folder error', () => {
  const texts = fc.oneof(fc.string(), fc.json())
  fc.assert(
    fc.property(texts, (text) => {
      try {
        JsonRecord.parse(text, FILE)
      } catch (error) {
        expect(error).toBeInstanceOf(FolderError)
      }
    }),
    { numRuns: Number(process.env.ALLMEND_FUZZ_RUNS ?? 10_000) },
  )
})
