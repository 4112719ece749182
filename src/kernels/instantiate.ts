/** The runtime has no WebAssembly SIMD (Node before 16.4, browsers before 2023): no kernel can run. */
export class SimdUnsupportedError extends Error {
  readonly code = 'simd-unsupported'
  readonly policy = 'stop'

  constructor() {
    super('this runtime has no WebAssembly SIMD: Node 20 or a browser of 2023 or later is needed')
    this.name = 'SimdUnsupportedError'
  }
}

/** `relaxed` uses relaxed SIMD's swizzle, which is one instruction less on x86; both give the same results. */
export type KernelVariant = 'relaxed' | 'plain'

export interface KernelModules {
  /** The WebAssembly bytes in base64. */
  readonly relaxed: string
  readonly plain: string
}

export interface Kernel {
  readonly memory: WebAssembly.Memory
  /** The exported function; throws if the module has none of that name. */
  function(name: string): (...args: number[]) => number
}

function decode(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

/** The fastest variant that the runtime can compile; throws SimdUnsupportedError where it can't compile any. */
export function chooseVariant(
  modules: KernelModules,
  validate: (bytes: Uint8Array) => boolean = (bytes) => WebAssembly.validate(bytes),
): KernelVariant {
  if (validate(decode(modules.relaxed))) return 'relaxed'
  if (validate(decode(modules.plain))) return 'plain'
  throw new SimdUnsupportedError()
}

const compiled = new Map<string, WebAssembly.Module>()

/** Compiling takes longer than most calls; there are only as many entries as kernels and variants. */
function compile(base64: string): WebAssembly.Module {
  const known = compiled.get(base64)
  if (known !== undefined) return known
  const module = new WebAssembly.Module(decode(base64))
  compiled.set(base64, module)
  return module
}

/** A new instance with a memory of its own; the modules are small enough for compilation on a browser's main thread. */
export function instantiate(modules: KernelModules, variant: KernelVariant = chooseVariant(modules)): Kernel {
  const { exports } = new WebAssembly.Instance(compile(modules[variant]))
  const { memory } = exports
  if (!(memory instanceof WebAssembly.Memory)) throw new TypeError('the kernel exports no memory')
  return {
    memory,
    function(name) {
      const exported = exports[name]
      if (typeof exported !== 'function') throw new TypeError(`the kernel exports no function ${name}`)
      return exported as (...args: number[]) => number
    },
  }
}

const PAGE_BYTES = 65_536

/** Grows a memory to at least so many bytes; views taken before are detached where it grows. */
export function ensureMemory(memory: WebAssembly.Memory, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES))
}
