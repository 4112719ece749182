import type { Hex } from 'viem'
import { hexToBytes } from 'viem'
import { equalBytes, fromUtf8 } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { checkMemberName } from '../../core/open/objects/identity.ts'
import type { LedgerName, LedgerNameReader, LedgerNameWriter } from '../../ports/ledger-names.ts'
import { writeTo } from './contract-write.ts'
import type { PoolContracts } from './pool-contracts.ts'
import type { Transactor } from './transactor.ts'
import { hexOf } from './typed-data.ts'

const NOTHING = `0x${'00'.repeat(32)}`

export function nameMethods(
  { names }: PoolContracts,
  writer: () => Transactor,
): LedgerNameReader & LedgerNameWriter {
  const nameRecord = async (name: string, block?: number): Promise<LedgerName | undefined> => {
    const { member, owner, rotations } = await names.view('recordOf', [name], block)
    if (member === NOTHING) return undefined
    return { name, member: hexToBytes(member), owner: hexToBytes(owner), rotations: Number(rotations) }
  }
  return {
    nameContract: hexToBytes(names.address),
    nameRecord,
    nameOf: async (owner, block) => textOf(await names.view('nameOf', [hexOf(owner)], block)),
    registerName({ name, member, owner, signature }) {
      const data = names.data('register', [name, hexOf(member), hexOf(owner), hexOf(signature)])
      return writeTo(writer(), names, data, async () => {
        const held = await nameRecord(name)
        return held !== undefined && equalBytes(held.member, member) && equalBytes(held.owner, owner)
      })
    },
    rotateOwner({ name, next, signature, nextSignature }) {
      const data = names.data('rotate', [name, hexOf(next), hexOf(signature), hexOf(nextSignature)])
      return writeTo(writer(), names, data, async () => {
        const held = await nameRecord(name)
        return held !== undefined && equalBytes(held.owner, next)
      })
    },
  }
}

/** A name as the contract keeps it: its bytes, then zeros. */
function textOf(word: Hex): string | undefined {
  if (word === NOTHING) return undefined
  const bytes = hexToBytes(word)
  const end = bytes.indexOf(0)
  const name = fromUtf8(end < 0 ? bytes : bytes.subarray(0, end))
  if (name === undefined) throw new UntrustedError('the node gave a name that is none')
  checkMemberName(name)
  return name
}
