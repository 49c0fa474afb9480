import { Counter, Histogram, type Registry } from 'prom-client'

/** What the API counts of itself. */
export interface RequestMetrics {
  /** Requests that failed through a fault of ours. */
  readonly failures: Counter
  /** What came in and was not HTTP. */
  readonly unparsed: Counter
  /** @param route its pattern, so that a caller cannot make up series; undefined when there was none */
  answered(method: string, route: string | undefined, status: number, elapsedMs: number): void
}

export function addRequestMetrics(registry: Registry): RequestMetrics {
  const registers = [registry]
  const seconds = new Histogram({
    name: 'weir_http_request_seconds',
    help: 'Time from a request to the end of its reply',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers,
  })
  return {
    failures: new Counter({
      name: 'weir_http_failures_total',
      help: 'Requests that failed through a fault of the server',
      registers,
    }),
    unparsed: new Counter({
      name: 'weir_http_unparsed_total',
      help: 'Connections closed because what came was not HTTP, too large or too slow',
      registers,
    }),
    answered: (method, route = 'none', status, elapsedMs) =>
      seconds.observe({ method, route, status }, elapsedMs / 1000),
  }
}
