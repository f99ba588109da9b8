/** The work of the account, gathered once for the ring, the drawer and the page. */
import { createContext, useContext, type ReactNode } from "react";
import { useGatheredWork, type Work } from "./work";

const WorkContext = createContext<Work>({ rows: [], loading: true, error: null });

export function WorkProvider({ detailed, children }: { detailed: boolean; children: ReactNode }) {
  return <WorkContext value={useGatheredWork(detailed)}>{children}</WorkContext>;
}

export function useWork(): Work {
  return useContext(WorkContext);
}
