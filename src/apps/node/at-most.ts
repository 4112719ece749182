import { systemClock } from '../../adapters/wire/clock.ts'

/** Waits for `work` so long at most; it goes on by itself, and a failure of it concerns nobody. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const cancel = systemClock.after(ms, late.resolve)
  await Promise.race([work.catch(() => undefined), late.promise])
  cancel()
}
