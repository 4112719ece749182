/** Allmend on Node: a client from a member's home folder, and making such homes. The operations are in 'allmend/client'. */
export { joinHome, recoverHome } from './make-home.ts'
export type { JoinHomeOptions, MadeHome, MakeHomeOptions, RecoverHomeOptions } from './make-home.ts'
export { openClient } from './open-client.ts'
export type { OpenClientOptions } from './open-client.ts'
