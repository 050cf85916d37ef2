"""Processes of their own: the Streamlit server and how it is started, and the worker behind a job."""
