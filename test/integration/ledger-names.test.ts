/** Names of members on the chain of a pool of real processes: claimed with the words, relayed by the tracker, seen by everybody. */
import { afterEach, describe, expect, it } from 'vitest'
import type { LedgerStatus } from '../fixtures/processes/ledger-process.ts'
import { OFTEN, ledgerStatusOf } from '../fixtures/processes/ledger-process.ts'
import { ProcessPool, until } from '../fixtures/processes/process-pool.ts'

let pool: ProcessPool
afterEach(() => pool.close())

interface WhoAmI {
  readonly name: string
  readonly member: string
  readonly ledger: { readonly state: string; readonly block?: number; readonly claimed: boolean }
}

describe('names of members', () => {
  it('are on the chain soon after `up`, of newcomers too, and everybody can see that they are the log’s', async () => {
    pool = await ProcessPool.start({ providers: 3, members: 'alice,bob', chain: OFTEN })
    const who = async (member: string) => {
      const { code, stdout, stderr } = await pool.as(member, '--json', 'whoami')
      expect(code, stderr).toBe(0)
      return JSON.parse(stdout) as WhoAmI
    }
    const registered = (member: string) =>
      until(async () => {
        const { ledger } = await who(member)
        return ledger.state === 'registered' ? ledger : undefined
      })
    // Which contracts are the pool's is pinned by what asks for them.
    for (const member of ['alice', 'bob']) {
      await until(async () => {
        const { stdout } = await pool.as(member, '--json', 'ledger', 'status')
        return (JSON.parse(stdout) as LedgerStatus).contracts?.bound === true ? true : undefined
      })
      expect(await registered(member)).toMatchObject({ claimed: true })
    }
    expect((await ledgerStatusOf(pool)).names).toEqual({ waiting: 0 })
    const shown = await pool.json<WhoAmI>('member', 'show', 'bob')
    expect(shown).toMatchObject({ member: (await who('bob')).member, ledger: { state: 'registered' } })
    expect(await pool.run('member', 'show', 'nobody')).toMatchObject({ code: 3 })

    const { token } = await pool.json<{ token: string }>('member', 'invite')
    const words = pool.at('words')
    const home = pool.at('carol')
    const joining = pool.spawn([
      'init',
      '--join',
      token,
      '--name',
      'carol',
      '--home',
      home,
      '--phrase-file',
      words,
      '--unattended',
      '--json',
    ])
    await until(async () =>
      (await pool.json<{ admitted: unknown[] }>('member', 'admit')).admitted.length > 0 ? true : undefined,
    )
    const joined = await joining.finished
    expect(joined.code, joined.stderr).toBe(0)
    expect(JSON.parse(joined.stdout)).toMatchObject({ name: 'carol', claim: { state: 'waiting' } })
    await until(async () =>
      (await pool.json<WhoAmI>('member', 'show', 'carol')).ledger.state === 'registered' ? true : undefined,
    )
    const again = await pool.spawn(['ledger', 'claim', '--phrase-file', words, '--home', home, '--json'])
      .finished
    expect(JSON.parse(again.stdout)).toMatchObject({ claimed: true, state: 'registered' })
    const others = await pool.run('ledger', 'claim', '--phrase-file', words)
    expect(others).toMatchObject({ code: 2 })
  })
})
