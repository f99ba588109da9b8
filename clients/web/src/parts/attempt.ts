/** Something that the server may refuse: busy meanwhile, and why it failed. */
import { useState } from "react";
import { problemText } from "../data/problems";

export function useAttempt() {
  const [isBusy, setIsBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const attempt = async (act: () => Promise<void>): Promise<void> => {
    setIsBusy(true);
    setProblem("");
    try {
      await act();
    } catch (error) {
      setProblem(problemText(error));
    }
    setIsBusy(false);
  };
  return { isBusy, problem, attempt };
}
