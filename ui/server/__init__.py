"""The Streamlit server: its process, and how it is started."""
