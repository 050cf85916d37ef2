"""The pages of the app, each a script that Streamlit runs from top to bottom.

Not called `pages`: Streamlit would serve a folder of that name by itself, without the frame that `ui/app.py` draws.
"""
