import { describe, expect, it } from 'vitest'
import { barLine, speedOf } from './progress-bar.ts'

describe('the progress bar', () => {
  it('takes its speed from the samples, and never a negative one', () => {
    expect(speedOf([])).toBe(0)
    expect(speedOf([{ time: 0, done: 5 }])).toBe(0)
    expect(
      speedOf([
        { time: 0, done: 0 },
        { time: 2_000, done: 10_000_000 },
      ]),
    ).toBe(5_000_000)
    expect(
      speedOf([
        { time: 0, done: 9 },
        { time: 1, done: 3 },
      ]),
    ).toBe(0)
  })

  it('says what is done and how long the rest takes', () => {
    const state = { part: 0.5, done: 50e6, total: 100e6, text: 'sent 50.0 MB' }
    expect(barLine(state, 5e6)).toBe('50 % sent 50.0 MB, 5.00 MB/s, 10 s left')
    expect(barLine(state, 0)).toBe('50 % sent 50.0 MB')
  })
})
