"""Transcribe: the words of a song or a speech, with their times, as JSON, LRC, SRT, VTT and text.

Whisper through CTranslate2, with a guard against text that nobody sang and word starts moved to
where the voice begins. It hears separated vocals and speech well, dense mixes less so: separate
them first. How well, is in README.md.
"""
