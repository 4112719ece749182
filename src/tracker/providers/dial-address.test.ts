import { describe, expect, it } from 'vitest'
import { toBase64Url } from '../../core/open/bytes.ts'
import { MalformedError } from '../../core/open/errors.ts'
import { dialAddress } from './dial-address.ts'

const net = new Uint8Array(32).fill(7)
const key = toBase64Url(net)

describe('the address under which others dial a node', () => {
  it.each([
    ['192.0.2.7:7400', '198.51.100.1:9', '192.0.2.7:7400'],
    ['0.0.0.0:7400', '198.51.100.1:9', '198.51.100.1:7400'],
    ['[::]:7400', '[2001:db8::1]:9', '[2001:db8::1]:7400'],
    [`0.0.0.0:7400+${key}`, '198.51.100.1:9', `198.51.100.1:7400+${key}`],
    [`0.0.0.0:7400+${key}@`, '198.51.100.1:9', `198.51.100.1:7400+${key}@`],
    [`${key}@0.0.0.0:7400,192.0.2.9:1`, '198.51.100.1:9', `${key}@198.51.100.1:7400,192.0.2.9:1`],
    // Over IPv6 nobody sees where UDP, which is IPv4, comes from.
    [`[::]:7400+${key}@0.0.0.0:7400`, '[2001:db8::1]:9', `[2001:db8::1]:7400+${key}`],
    [`[::]:7400+${key}@0.0.0.0:7400`, '198.51.100.1:9', `198.51.100.1:7400+${key}`],
    [`[::1]:7400+${key}@127.0.0.1:7400`, '[::1]:9', `[::1]:7400+${key}@127.0.0.1:7400`],
  ])('%s from %s is %s', (claimed, remote, dialled) => {
    expect(dialAddress(claimed, remote, net)).toBe(dialled)
  })

  it.each(['', '192.0.2.7', '192.0.2.7:0', '192.0.2.7:70000', '192.0.2.7:7400+short', `${'A'.repeat(42)}E`])(
    'refuses %s',
    (claimed) => {
      expect(() => dialAddress(claimed, '198.51.100.1:9', net)).toThrow(MalformedError)
    },
  )
})
