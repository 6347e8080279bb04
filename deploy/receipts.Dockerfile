# Receipts read by a RunPod worker: docker build -f deploy/receipts.Dockerfile -t outgrow-receipts .
# Everything it needs is in the image: the models come with rapidocr's wheel and with Debian's tesseract packages.
FROM python:3.12-slim-bookworm

# libgl1 and libglib2.0-0 are what OpenCV's wheel links to.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 tesseract-ocr tesseract-ocr-kor \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY . .
RUN pip install --no-cache-dir ".[receipts]" "runpod>=1.12,<2" && rm -rf /src/*

RUN useradd --system worker
USER worker
WORKDIR /tmp
ENV OUTGROW_RECEIPTS_THREADS=1 OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1
CMD ["python", "-m", "outgrow.receipts.runpod_handler"]
