/**
 * The three functions of the Reflect metadata proposal that `@peculiar/x509`'s dependency injection asks for at load time;
 * must be imported before it. Left alone where a full implementation is present. For tests: nothing else imports the library.
 */
type Target = object

interface ReflectMetadata {
  getMetadata?(key: unknown, target: Target): unknown
  getOwnMetadata?(key: unknown, target: Target): unknown
  defineMetadata?(key: unknown, value: unknown, target: Target): void
}

const reflect = Reflect as ReflectMetadata
const metadata = new WeakMap<Target, Map<unknown, unknown>>()

function getOwnMetadata(key: unknown, target: Target): unknown {
  return metadata.get(target)?.get(key)
}

function getMetadata(key: unknown, target: Target): unknown {
  for (let at: Target | null = target; at !== null; at = Reflect.getPrototypeOf(at)) {
    const value = getOwnMetadata(key, at)
    if (value !== undefined) return value
  }
  return undefined
}

function defineMetadata(key: unknown, value: unknown, target: Target): void {
  const own = metadata.get(target) ?? new Map<unknown, unknown>()
  metadata.set(target, own.set(key, value))
}

if (reflect.getMetadata === undefined) Object.assign(reflect, { getMetadata, getOwnMetadata, defineMetadata })
