/**
 * What a tracker answers, by desk. The caller is known by its channel's net key: a device of a member, a provider, or nobody yet.
 * Every method that changes something is idempotent: the same request twice has one effect and the same answer.
 */
export * from './member-methods.ts'
export * from './pool-methods.ts'
export * from './presence-methods.ts'
export * from './space-methods.ts'
export * from './stripe-methods.ts'
