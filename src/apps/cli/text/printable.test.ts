import { expect, it } from 'vitest'
import { printable } from './printable.ts'

it('escapes what could fool the reader of a terminal, and nothing else', () => {
  expect(printable('a\u001b[31mred\u202egpj.exe\n\r\u0085')).toBe(
    'a\\u{1b}[31mred\\u{202e}gpj.exe\\u{a}\\u{d}\\u{85}',
  )
  expect(printable('\u00e9 e\u0301 \u4e2d \u{1f600} -x')).toBe('\u00e9 e\u0301 \u4e2d \u{1f600} -x')
})
