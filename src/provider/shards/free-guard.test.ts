import { describe, expect, it } from 'vitest'
import { seedOf } from '../../../test/fixtures/provider-pool.ts'
import { createFreeGuard } from './free-guard.ts'

const [a, b] = [seedOf('a'), seedOf('b')]

describe('free guard', () => {
  it('frees what nobody puts', async () => {
    const guard = createFreeGuard()
    expect(await guard.free([a, b], (freeable) => Promise.resolve(freeable))).toEqual([a, b])
  })

  it('leaves what was put since the last report left', async () => {
    const guard = createFreeGuard()
    await guard.put(a, () => Promise.resolve())
    expect(await guard.free([a, b], (freeable) => Promise.resolve(freeable))).toEqual([b])
    guard.reporting()
    expect(await guard.free([a, b], (freeable) => Promise.resolve(freeable))).toEqual([a, b])
  })

  it('leaves what is being put, however long ago it began', async () => {
    const guard = createFreeGuard()
    const { promise, resolve } = Promise.withResolvers<void>()
    const putting = guard.put(a, () => promise)
    guard.reporting()
    expect(await guard.free([a], (freeable) => Promise.resolve(freeable))).toEqual([])
    resolve()
    await putting
    expect(await guard.free([a], (freeable) => Promise.resolve(freeable))).toEqual([])
  })

  it('lets a put wait until the shard is freed', async () => {
    const guard = createFreeGuard()
    const order: string[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    const freeing = guard.free([a], async () => {
      await promise
      order.push('freed')
    })
    const putting = guard.put(a, () => {
      order.push('put')
      return Promise.resolve()
    })
    await guard.put(b, () => {
      order.push('other put')
      return Promise.resolve()
    })
    resolve()
    await Promise.all([freeing, putting])
    expect(order).toEqual(['other put', 'freed', 'put'])
  })

  it('goes on after failures', async () => {
    const guard = createFreeGuard()
    const fail = (): Promise<never> => Promise.reject(new Error('disk'))
    await expect(guard.free([a], fail)).rejects.toThrow('disk')
    await expect(guard.put(a, fail)).rejects.toThrow('disk')
    guard.reporting()
    expect(await guard.free([a], (freeable) => Promise.resolve(freeable))).toEqual([a])
  })
})
