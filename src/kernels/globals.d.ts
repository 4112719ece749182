// What of WebAssembly and the web's globals the loaders use; kernels are compiled without DOM or Node types.
declare namespace WebAssembly {
  interface Module {
    readonly [Symbol.toStringTag]: string
  }
  const Module: new (bytes: Uint8Array) => Module
  class Instance {
    constructor(module: Module)
    readonly exports: Record<string, unknown>
  }
  class Memory {
    readonly buffer: ArrayBuffer
    /** Pages of 64 KiB; detaches the views of the buffer so far. */
    grow(pages: number): number
  }
  function validate(bytes: Uint8Array): boolean
}
declare function atob(base64: string): string
