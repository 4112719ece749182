import { expect, test } from 'vitest'
import { formatAge } from './age.ts'

test.each([
  [0, '0 s'],
  [999, '0 s'],
  [119_999, '119 s'],
  [120_000, '2 min'],
  [7_199_999, '119 min'],
  [7_200_000, '2 h'],
  [172_799_999, '47 h'],
  [172_800_000, '2 d'],
  [864_000_000, '10 d'],
])('%d ms is %s', (ms, text) => expect(formatAge(ms)).toBe(text))
