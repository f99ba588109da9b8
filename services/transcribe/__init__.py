"""Transcribe: the words of a song or a speech, with their times, as JSON, LRC, SRT, VTT and text.

Whisper through CTranslate2, with a filter for hallucinated text, and word starts aligned to the
onset of the voice. It transcribes separated vocals and speech well and dense mixes less well:
separate them first. README.md has the measurements.
"""
