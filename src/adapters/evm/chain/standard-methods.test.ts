import { expect, test } from 'vitest'
import { RpcRefusal } from '../json-rpc.ts'
import { checkLogsKept, standardCall } from './standard-methods.ts'

test('nothing of the engine’s own is reached', () => {
  for (const method of ['anvil_setBalance', 'evm_mine', 'debug_traceCall', 'eth_sign'])
    expect(() => standardCall(method, [], 7)).toThrow(RpcRefusal)
  expect(standardCall('eth_call', [{}, 'finalized'], 7)).toEqual({
    method: 'eth_call',
    params: [{}, 'latest'],
  })
})

test('events that aren’t kept are refused: none would be a lie', () => {
  const ask = (filter: Record<string, unknown>, gone: number) => () => checkLogsKept([filter], gone)
  for (const fromBlock of ['0x0', '0x64', 'earliest']) expect(ask({ fromBlock }, 100)).toThrow(RpcRefusal)
  for (const fromBlock of ['0x65', 'latest', undefined]) expect(ask({ fromBlock }, 100)).not.toThrow()
  expect(ask({ fromBlock: '0x0' }, 0)).not.toThrow()
  expect(ask({ blockHash: '0x00' }, 100)).not.toThrow()
})
