import { describe, expect, it } from 'vitest'
import { UnreachableError, UsageError } from '../../../core/open/errors.ts'
import { listenPlace } from './listen-place.ts'
import { outsideHost } from './own-host.ts'

describe('where a node listens', () => {
  it.each([
    ['127.0.0.1:7400', '127.0.0.1:7400', '127.0.0.1:7400', '127.0.0.1'],
    [`127.0.0.1:7400+${'A'.repeat(43)}`, '127.0.0.1:7400', '127.0.0.1:7400', '127.0.0.1'],
    ['[::1]:7400', '[::1]:7400', '127.0.0.1:7400', '127.0.0.1'],
    ['0.0.0.0:0', '0.0.0.0:0', '0.0.0.0:0', outsideHost()],
    ['[::]:7400', '[::]:7400', '0.0.0.0:7400', outsideHost()],
    ['[2001:db8::7]:7400', '[2001:db8::7]:7400', '0.0.0.0:7400', outsideHost()],
    ['localhost:7400', '127.0.0.1:7400', '127.0.0.1:7400', '127.0.0.1'],
  ])('at %s is over TCP %s, over UDP %s', async (address, tcp, udp, outside) => {
    expect(await listenPlace(address)).toEqual({ tcp, udp, outside })
  })

  it.each(['7400', ':7400', '::1', '127.0.0.1', '127.0.0.1:70000', '127.0.0.1:', 'a b:1', ''])(
    'is said with an example where "%s" is no place',
    async (address) => {
      await expect(listenPlace(address)).rejects.toThrow(UsageError)
      await expect(listenPlace(address)).rejects.toThrow(/host:port, such as .*:7400/)
    },
  )

  it('names a name that nobody knows', async () => {
    const failed = listenPlace('nobody.invalid:7400')
    await expect(failed).rejects.toThrow(UnreachableError)
    await expect(failed).rejects.toThrow(/nobody\.invalid/)
  })
})
