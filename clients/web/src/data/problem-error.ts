/** An error response of the API. */
import type { components } from "./openapi";

/** A problem document (RFC 9457) as an error; `code` is empty if the answer held none. */
export class ProblemError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly trace: string,
    readonly fields: readonly { field: string; message: string }[] = [],
  ) {
    super(detail || code || `status ${status}`);
  }

  static async from(response: Response): Promise<ProblemError> {
    return ProblemError.of(response.status, await response.json().catch(() => null));
  }

  static of(status: number, body: unknown): ProblemError {
    const problem = (body ?? {}) as Partial<components["schemas"]["Problem"]>;
    return new ProblemError(
      status,
      problem.code ?? "",
      problem.detail ?? "",
      problem.trace ?? "",
      problem.fields ?? [],
    );
  }
}
