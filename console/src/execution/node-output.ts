import { useEffect, useState } from 'preact/hooks';
import { call } from '../api/call.js';
import { messageOf } from '../api/fault.js';

export type NodeOutput =
  | { readonly kind: 'loading' | 'absent' }
  | { readonly kind: 'present'; readonly value: unknown }
  | { readonly kind: 'fault'; readonly message: string };

/** The output of a node once it has completed. */
export function useOutput(executionId: string, nodeId: string, isCompleted: boolean): NodeOutput {
  const [output, setOutput] = useState<NodeOutput>({ kind: 'loading' });
  useEffect(() => {
    if (!isCompleted) return undefined;
    const abort = new AbortController();
    const path = `api/v1/workflow/${executionId}/results`;
    call<{ outputs: Record<string, unknown> }>('GET', path, { signal: abort.signal }).then(
      ({ outputs }) =>
        setOutput(
          Object.hasOwn(outputs, nodeId) ? { kind: 'present', value: outputs[nodeId] } : { kind: 'absent' },
        ),
      (error: unknown) => {
        const message = messageOf(error);
        if (message !== undefined) setOutput({ kind: 'fault', message });
      },
    );
    return () => abort.abort();
  }, [executionId, nodeId, isCompleted]);
  return output;
}
