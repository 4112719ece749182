import { readFileSync } from 'node:fs'

/** Peak resident bytes of a living process (VmHWM); 0 for a dead one and where there is no /proc. */
export function peakMemory(pid: number): number {
  try {
    const [, kilobytes = '0'] = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kilobytes) * 1024
  } catch {
    return 0
  }
}
