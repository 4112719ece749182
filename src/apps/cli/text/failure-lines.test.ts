import { expect, test } from 'vitest'
import { failureLines } from './failure-lines.ts'

test('tells a reason once, with the names that it holds for', () => {
  const away = { message: 'bring back 1 of: 1, 2' }
  const failures = [
    ...Array.from({ length: 30 }, (_, i) => ({ path: `/home/f${i}`, error: away })),
    { path: '/home/bad\n', error: { message: 'damaged' } },
  ]
  const lines = failureLines('not fetched', failures)
  expect(lines).toHaveLength(1 + 1 + 20 + 1 + 1)
  expect(lines[0]).toBe('allmend: not fetched: /home/f0: bring back 1 of: 1, 2')
  expect(lines[1]).toBe('  the same for 29 more:')
  expect(lines[22]).toBe('  and 9 more: --json names them all')
  expect(lines[23]).toContain('damaged')
  expect(lines[23]).not.toContain('\n')
})

test('one failure is one line', () => {
  expect(failureLines('not fetched', [{ path: '/home/a', error: { message: 'gone' } }])).toEqual([
    'allmend: not fetched: /home/a: gone',
  ])
})
