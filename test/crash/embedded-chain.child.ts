/** An embedded chain in a process that tests kill: prints its address. */
import { startChain } from '../../src/apps/chain/start-chain.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const [, , folder] = process.argv
if (folder === undefined) throw new TypeError('embedded-chain.child.ts FOLDER')
const chain = await startChain({ folder, logger: quiet })
console.log(JSON.stringify({ url: chain.url, chainId: chain.chainId }))
