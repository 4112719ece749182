/** A provider process for the crash test: starts in the folder given, says where it listens, serves until it is killed. */
import { startProvider } from '../../src/apps/provider/start-provider.ts'
import { silent } from '../fixtures/provider-pool.ts'

const [store = '', join = ''] = process.argv.slice(2)
const provider = await startProvider({
  store,
  join,
  capacity: 1_000_000_000,
  listen: '127.0.0.1:0',
  name: 'crash',
  logger: silent,
})
process.stdout.write(`${provider.address} ${Buffer.from(provider.id).toString('hex')}\n`)
